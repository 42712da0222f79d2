/** The version of package.json, which is not read because it lies elsewhere beside the sources than beside `dist/`. */
export const VERSION = '0.1.0';
