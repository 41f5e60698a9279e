/** Ends the names of collections and aliases that a restore has prepared but not made visible. */
export const STAGED = '__restoring'

export function stagedName (target: string): string {
  return target + STAGED
}

/** The name without its ending; undefined if it is no staged one. */
export function targetOfStaged (name: string): string | undefined {
  return name.endsWith(STAGED) && name.length > STAGED.length ? name.slice(0, -STAGED.length) : undefined
}
