"""The benchmark benchmarks itself: planted defects, false alarms, power, and a golden trace."""
