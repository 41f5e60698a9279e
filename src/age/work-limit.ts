import type { Identity } from 'age-encryption'
import type { BackupError } from '../errors.ts'

/** log2 of scrypt's N for files that we make: 32 MiB and a tenth of a second. Secrets are long and random, so it need not be slow to guess them. */
export const WORK_FACTOR = 15
/** What stock `age -p` may have used, and more: 1 GiB of memory. More is asked for only to do harm. */
export const MAX_WORK_FACTOR = 20

/** Opens nothing, but is asked first: throws what `refusal` gives before the next identity spends the work that a file asks for. */
export function workLimit (maxWorkFactor: number, refusal: () => BackupError): Identity {
  return {
    unwrapFileKey (stanzas) {
      if (stanzas.some(({ args: [type, , factor] }) => type === 'scrypt' && Number(factor) > maxWorkFactor)) throw refusal()
      return null
    },
  }
}
