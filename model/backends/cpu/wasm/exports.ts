/** What a module offers, whatever its family. */
export { ring } from './barrier';
export { serve, step } from './step';
export { transcode } from './transcode';
