"""What the integration tests share: a box under test, HTTP by hand, metrics, and modules made on the fly."""
