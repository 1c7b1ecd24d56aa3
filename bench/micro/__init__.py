"""Each stage of the hot path alone, with pytest-benchmark, as multiples of what one decode of the same frame costs."""
