"""Op sequences of transformer blocks, family by family, in the order in which they are tried (spec B.14).

``X*n`` stands for X n times.
"""

BLOCKS: tuple[tuple[str, str], ...] = (
    (
        "eva",
        "Add LayerNorm MatMul Reshape Slice*3 Squeeze*3 Permute Slice*2 Mul Slice MulConst Slice "
        "Unsqueeze*2 Concat Reshape Mul Add Concat Permute Slice*2 Mul Slice MulConst Slice "
        "Unsqueeze*2 Concat Reshape Mul Add Concat MulConst Permute MatMul Softmax Permute MatMul "
        "Permute Reshape MatMul Add LayerNorm MatMul*2 SiLU Mul MatMul",
    ),
    (
        "bert",
        "Add LayerNorm MatMul*3 Reshape Permute Reshape*2 Permute*2 MatMul MulConst Add Softmax "
        "MatMul Permute Reshape MatMul Add LayerNorm MatMul GELU MatMul",
    ),
    (
        "bert_1",
        "Add LayerNorm MatMul*2 Reshape MatMul Reshape Permute Reshape Permute*2 MatMul MulConst "
        "Add Softmax MatMul Permute Reshape MatMul Add LayerNorm MatMul GELU MatMul",
    ),
    (
        "deit",
        "Add LayerNorm MatMul Reshape Slice Squeeze Slice Squeeze Slice Squeeze Permute*3 MatMul "
        "MulConst Softmax Permute MatMul Permute Reshape MatMul Add LayerNorm MatMul GELU MatMul",
    ),
    (
        "swin",
        "LayerNorm Reshape Permute Reshape MatMul Reshape Slice*3 Squeeze*3 Permute MulConst "
        "Permute*2 MatMul Add Softmax Permute MatMul Permute Reshape MatMul Reshape Permute Reshape "
        "Add Reshape LayerNorm MatMul GELU MatMul Add Reshape LayerNorm Slice*2 Concat Slice*2 "
        "Concat Reshape Permute Reshape MatMul Reshape Slice*3 Squeeze*3 Permute MulConst Permute*2 "
        "MatMul Add Softmax Permute MatMul Permute Reshape MatMul Reshape Permute Reshape Slice*2 "
        "Concat Slice*2 Concat Add Reshape LayerNorm MatMul GELU MatMul Add",
    ),
    (
        "_swin",
        "LayerNorm Reshape Permute Reshape MatMul Reshape Slice*3 Squeeze*3 Permute MulConst "
        "Permute*2 MatMul Add Softmax Permute MatMul Permute Reshape MatMul Reshape Permute "
        "Reshape*2 Add LayerNorm MatMul GELU MatMul Add Reshape LayerNorm Slice*2 Concat Slice*2 "
        "Concat Reshape Permute Reshape MatMul Reshape Slice*3 Squeeze*3 Permute MulConst Permute*2 "
        "MatMul Add Softmax Permute MatMul Permute Reshape MatMul Reshape Permute Reshape Slice*2 "
        "Concat Slice*2 Concat Reshape Add LayerNorm MatMul GELU MatMul Add",
    ),
    (
        "vit",
        "Add LayerNorm MatMul Reshape Slice*3 Squeeze*3 Permute MulConst Permute*2 MatMul Softmax "
        "Permute MatMul Permute Reshape MatMul Add LayerNorm MatMul GELU MatMul",
    ),
    (
        "detr",
        "Add LayerNorm Add MatMul*3 Reshape Permute Reshape*2 Permute MulConst Permute MatMul "
        "Softmax MatMul Permute Reshape MatMul Reshape Add LayerNorm MatMul*2",
    ),
    (
        "detr_rc_50",
        "Add LayerNorm Add MatMul*3 Reshape Permute MulConst Reshape Permute Reshape Permute MatMul "
        "Softmax MatMul Permute Reshape MatMul Add LayerNorm MatMul*2",
    ),
    (
        "swin_1",
        "LayerNorm Reshape Permute Reshape MatMul Reshape Permute*2 Slice*2 Reshape Slice Reshape "
        "MulConst Reshape Permute MatMul Add Softmax MatMul Permute Reshape MatMul Reshape Permute "
        "Reshape Add LayerNorm MatMul GELU MatMul Add LayerNorm Reshape Slice*2 Concat Slice*2 "
        "Concat Reshape Permute Reshape MatMul Reshape Permute*2 Slice*2 Reshape Slice Reshape "
        "MulConst Reshape Permute MatMul Add Softmax MatMul Permute Reshape MatMul Reshape Permute "
        "Reshape Slice*2 Concat Slice*2 Concat Reshape Add LayerNorm MatMul GELU MatMul Add",
    ),
    (
        "_swin_1",
        "LayerNorm Reshape Permute Reshape MatMul Reshape Slice*3 Squeeze*3 Permute MulConst "
        "Permute*2 MatMul Add Softmax Permute MatMul Permute Reshape MatMul Reshape Permute Reshape "
        "Add LayerNorm MatMul GELU MatMul Add LayerNorm Reshape Slice*2 Concat Slice*2 Concat "
        "Reshape Permute Reshape MatMul Reshape Slice*3 Squeeze*3 Permute MulConst Permute*2 MatMul "
        "Add Softmax Permute MatMul Permute Reshape MatMul Reshape Permute Reshape Slice*2 Concat "
        "Slice*2 Concat Reshape Add LayerNorm MatMul GELU MatMul Add",
    ),
    (
        "_eva",
        "Add LayerNorm MatMul Reshape Permute MatMul Reshape Permute MatMul Reshape Permute Slice*2 "
        "Mul Slice MulConst Slice Unsqueeze*2 Concat Reshape Mul Add Concat Slice*2 Mul Slice "
        "MulConst Slice Unsqueeze*2 Concat Reshape Mul Add Concat MulConst Permute MatMul Softmax "
        "MatMul Permute Reshape MatMul Add LayerNorm MatMul*2 SiLU Mul LayerNorm MatMul",
    ),
    (
        "cswin",
        "LayerNorm MatMul Reshape Permute Slice Reshape Slice Reshape Slice Reshape Permute Reshape "
        "Permute Reshape Permute*2 Reshape Permute Reshape Permute Reshape Permute Reshape Conv "
        "Reshape Permute Reshape Permute MulConst Permute MatMul Softmax MatMul Add Permute Reshape "
        "Permute Reshape Slice Reshape Slice Reshape Slice Reshape*2 Permute Reshape Permute "
        "Reshape Permute Reshape Conv Reshape Permute Reshape Permute MulConst Permute MatMul "
        "Softmax MatMul Add Permute Reshape Permute Reshape Concat MatMul Add LayerNorm MatMul GELU "
        "MatMul Add",
    ),
)
