"""One file a kind of mistake; each looks at one sample and knows nothing of the others."""
