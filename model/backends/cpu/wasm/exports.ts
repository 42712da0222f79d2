/** What a module offers, whatever its family. */
export { serve, step } from './step';
