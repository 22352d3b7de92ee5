import path from 'node:path';

/** Folder of trained tiny models, vocabularies, golden outputs and texts; tests skip visibly where it is absent. */
export const ASSETS = process.env.FLEET_ASSETS ?? path.resolve(import.meta.dirname, '../../../shared/assets');
