"""What the visual tools ask: OpenAI-compatible servers, Gemini, and the toy week's own truth."""
