"""The API of LibreTranslate: shapes in, records, shapes out."""
