"""The LLM as a graph that OpenVINO runs on a CPU, with its weights in the few bits that they came from.

Writing reads all weights for every token, so it is as fast as they are small. See decision 20.
"""

from fusion_demo.compiled.compiled_llm import CompiledLLM, Reading
from fusion_demo.compiled.graph import graph_of, write_graph

__all__ = ["CompiledLLM", "Reading", "graph_of", "write_graph"]
