"""DenseCRF refinement: parameters, the mean field, and one module a backend."""
