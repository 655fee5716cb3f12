"""The API of Hugging Face inference, as `huggingface_hub.InferenceClient` speaks it."""
