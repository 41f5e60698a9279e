/** Where things are in a repository (docs/format.md, "Layout"). */
export const CONFIG_KEY = 'config.json'
export const PACK_PREFIX = 'blobs/'
export const SEGMENT_PREFIX = 'metadata/index/'
export const LEVEL_FOLDER = 'metadata/level'
export const VERIFIED_KEY = 'metadata/verified.json'
export const SESSION_PREFIX = 'sessions/'
export const OUTCOME_PREFIX = 'outcomes/'
export const FORGOTTEN_PREFIX = 'forgotten/'
export const PLAN_PREFIX = 'plans/'
export const FINAL_SUFFIX = '.final'
export const CATALOGUE_KEY = 'metadata/snapshots.json'
export const RESTORE_PREFIX = 'restores/'
export const OPENING_PREFIX = 'metadata/log/openings/'

const PACK_KEY = /^blobs\/([0-9a-f]{2})\/(\1[0-9a-f]{30})\.pack$/
const SEGMENT_KEY = /^metadata\/index\/([0-9a-f]{32})\.idx$/

/** True for what a sealed repository stores sealed. */
export function isSealedKey (key: string): boolean {
  return key === CATALOGUE_KEY || [PACK_PREFIX, SEGMENT_PREFIX, RESTORE_PREFIX, OPENING_PREFIX].some(prefix => key.startsWith(prefix))
}

export function packKey (name: string): string {
  return `${PACK_PREFIX}${name.slice(0, 2)}/${name}.pack`
}

/** The name of the pack under `key`, or undefined if `key` is none of a pack. */
export function packNameOf (key: string): string | undefined {
  return PACK_KEY.exec(key)?.[2]
}

export function segmentKey (name: string): string {
  return `${SEGMENT_PREFIX}${name}.idx`
}

export function segmentNameOf (key: string): string | undefined {
  return SEGMENT_KEY.exec(key)?.[1]
}

export function planKey (n: number): string {
  return `${PLAN_PREFIX}${String(n).padStart(10, '0')}`
}

export function finalKey (n: number): string {
  return planKey(n) + FINAL_SUFFIX
}
