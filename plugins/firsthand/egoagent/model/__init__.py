"""The model: a convolutional stem, a Llama trunk that is fed embeddings, two learned queries and two heads."""
