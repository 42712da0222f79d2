/** The model that comes with the program. */
import { packageFile } from '../model/package-file.js';

export const SHIPPED_IMAGE = packageFile('models/tales-9m/tales-9m.mmfree');
