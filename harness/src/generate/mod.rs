//! Operations to try: one file per model.
