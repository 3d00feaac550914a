"""A federated app that reads its data through data views; copy it to begin your own."""
