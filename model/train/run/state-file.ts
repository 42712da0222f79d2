/** What a folder has while a run of training is in it. */
export const STATE_FILE = 'state.safetensors';
