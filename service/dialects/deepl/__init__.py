"""The API of DeepL: shapes in, records, shapes out."""
