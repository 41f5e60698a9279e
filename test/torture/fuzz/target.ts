import type { Chance } from '../chance.ts'
import { mutateBytes } from './mutation.ts'

/** A parser, and inputs for it. */
export interface FuzzTarget {
  readonly name: string
  /** How often it gets an input; dear ones less. */
  readonly weight: number
  /** The next input, valid or not. */
  input(chance: Chance): Uint8Array
  /** Parses. May reject, with a {@link BackupError}; anything else is a finding. */
  parse(bytes: Uint8Array): unknown
}

export interface BytesTargetOptions {
  /** @default 10 */
  readonly weight?: number
  /** Makes hashes right again, so that what is behind them is reached; used for half of the inputs. */
  readonly reseal?: (bytes: Buffer) => Uint8Array
}

/** A target whose inputs are seeds with bytes changed. */
export function bytesTarget (name: string, seeds: readonly (Uint8Array | string)[], parse: FuzzTarget['parse'], { weight = 10, reseal }: BytesTargetOptions = {}): FuzzTarget {
  const bytes = seeds.map(seed => Buffer.from(seed))
  return {
    name, weight, parse,
    input (chance) {
      const mutated = mutateBytes(bytes, chance)
      return reseal === undefined || chance.oneIn(2) ? mutated : reseal(mutated)
    },
  }
}

/** A target whose inputs are made by `make`, or else (when it cannot) by changing bytes of seeds. */
export function madeTarget (name: string, seeds: readonly (Uint8Array | string)[], make: (chance: Chance) => Uint8Array, parse: FuzzTarget['parse'], options: BytesTargetOptions = {}): FuzzTarget {
  const byBytes = bytesTarget(name, seeds, parse, options)
  return {
    ...byBytes,
    input (chance) {
      if (chance.oneIn(3)) return byBytes.input(chance)
      try {
        return make(chance)
      } catch {
        return byBytes.input(chance) // the encoder refuses what was made
      }
    },
  }
}
