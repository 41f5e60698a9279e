import type { Change, KeyRecords } from './key-records.ts'

/** One thing that happened to the keys, as the records tell it. */
export interface KeyEvent {
  /** `begin`: a rotation that is not finished. */
  readonly act: 'create' | 'add' | 'remove' | 'rotate' | 'begin'
  /** ISO 8601. */
  readonly time: string
  readonly generation: number
  /** The slot's id. */
  readonly slot?: string
  readonly label?: string
}

/** Everything that happened to the keys, the oldest first. Who can write the storage can leave things out; the log tells more than this. */
export function keyHistory ({ generations, changes, newest }: KeyRecords): KeyEvent[] {
  return generations.flatMap(({ generation, created }): KeyEvent[] => [
    { act: generation === 1 ? 'create' : 'rotate', time: created, generation },
    ...changes.filter(change => change.generation === generation && (change.act !== 'rotate' || generation === newest)).map(eventOf),
  ])
}

function eventOf ({ act, created, generation, slot, label }: Change): KeyEvent {
  return { act: act === 'rotate' ? 'begin' : act, time: created, generation, ...(slot !== undefined && { slot }), ...(label !== undefined && { label }) }
}
