"""Video as a store of frames with true times: extraction, exact decoding, the path guard, token budgets."""
