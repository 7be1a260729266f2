"""Container images without a daemon: layers, OCI layouts, archives, bills of materials. The same input makes the same bytes."""
