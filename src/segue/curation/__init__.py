"""Making multi-target data with any vision-language endpoint, in the manner of MUSE (PixelLM, CVPR 2024).

From a plan (`plan`) and annotated pictures (`inputs`): which pictures and what to ask for each (`selection`,
`targets`), prompts (`prompts`), an endpoint (`endpoint`, or `offline` without one), replies read and checked
(`replies`, `rules`, `duplicates`), every reply in a journal (`journal`) that a run resumes from (`steps`,
`engine`), and the accepted pairs as records (`export`), looked through by a person (`review`) and counted
(`stats`). Importing this package loads none of the optional libraries.
"""
