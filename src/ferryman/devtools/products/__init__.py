"""Record the answers of a product, for apps that call it."""
