/** `GPUBufferUsage` and `GPUMapMode` of the standard, which are globals in browsers only. */
export const USAGE = {
  mapRead: 0x1,
  copySource: 0x4,
  copyTarget: 0x8,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
} as const;
export const MAP_READ = 1;
/** `GPUShaderStage.COMPUTE`. */
export const COMPUTE_STAGE = 4;
