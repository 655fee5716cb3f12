"""The files that hold a checkpoint's weights, by name; nothing of them is read here."""

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "pytorch_model.pt")

# A shell command that takes a folder. It leaves all other files as they are: `save_pretrained` of
# `transformers` 5 writes a config.json that says of umT5's logits what is not true, and tokenizers
# that have lost what theirs could.
CONVERT = (
    'python -c "import sys; from safetensors.torch import save_file; '
    "from transformers import AutoModelForSeq2SeqLM as Model; "
    "tensors = Model.from_pretrained(sys.argv[1]).state_dict().items(); "
    "once = {v.data_ptr(): (k, v.contiguous().clone()) for k, v in tensors}; "
    f"save_file(dict(once.values()), sys.argv[1] + '/{SINGLE_FILE}', {{'format': 'pt'}})\""
)
