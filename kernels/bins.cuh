/* Where in a histogram a number is, in C and CUDA C++: 0 below the first edge, 1 ... bins in the bins, then above the last
   edge, then NaN. A bin has its lower edge, the last one its upper edge too. `scale` is bins / (last - first edge); the
   product may be rounded across an edge, and the edges themselves decide. */
GRADCU_FUNCTION int gradcu_bin(double value, const double *edges, int bins, double scale) {
    if (value >= edges[0] && value <= edges[bins]) {
        int bin = (int)((value - edges[0]) * scale);
        bin = bin < bins ? bin : bins - 1;
        bin -= value < edges[bin];
        bin += bin < bins - 1 && value >= edges[bin + 1];
        return 1 + bin;
    }
    return value < edges[0] ? 0 : value > edges[bins] ? bins + 1 : bins + 2;
}
