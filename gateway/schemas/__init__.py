"""What is published of the events: a JSON Schema for each class, and the AsyncAPI document."""
