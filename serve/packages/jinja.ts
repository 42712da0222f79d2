/** Jinja templates. Only chats load it; bundled by scripts/build-serve.mjs. */
export { Template } from '@huggingface/jinja';
