"""From findings to causes: mechanisms, the graph, the verdict."""
