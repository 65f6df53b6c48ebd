//! What a person sees. Renderers return strings; they write nothing.
