"""Folders of pictures annotated by a model: `segue annotate`.

`asks` says what is asked of each picture, `journal` keeps every answer on disk, `local` and `ray_engine` run
the model here or on a cluster, `writing` puts the journal's answers into other tools' files.
"""
