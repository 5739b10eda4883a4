"""Time igraph's PageRank: pagerank_igraph.py GRAPH REPETITIONS

GRAPH has a line "source target weight" an edge, nodes counted from 1. Prints the
median milliseconds; reading the graph is not timed.
"""
import statistics
import sys
import time

import igraph

with open(sys.argv[1]) as lines:
    edges = [(int(s) - 1, int(t) - 1, float(w)) for s, t, w in map(str.split, lines)]
graph = igraph.Graph([(s, t) for s, t, _ in edges], directed=True)
weights = [w for _, _, w in edges]
del edges

times = []
for _ in range(int(sys.argv[2])):
    start = time.perf_counter()
    graph.pagerank(damping=0.85, weights=weights, implementation="prpack")
    times.append((time.perf_counter() - start) * 1000)
print(f"{statistics.median(times):.3f}")
