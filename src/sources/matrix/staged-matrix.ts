/** Ends the names of matrices that a restore has prepared but not made visible. */
export const STAGED = '__restoring'
