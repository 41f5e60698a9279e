import { isBackupError } from '../errors.ts'
import type { Capture, Source } from '../sources/source.ts'

/** A source that holds nothing while what it reads (a database, a folder) does not exist. */
export function emptyWhenMissing (source: Source): Source {
  return {
    name: source.name,
    async capture (options) {
      try {
        return await source.capture(options)
      } catch (error) {
        if (isBackupError(error, 'SOURCE_MISSING')) return emptyCapture(error.message)
        throw error
      }
    },
  }
}

function emptyCapture (why: string): Capture {
  const now = new Date().toISOString()
  return {
    async * artifacts () {},
    finish: async () => ({ begin: now, end: now, facts: {}, notes: [`Nothing was there: ${why}.`] }),
    close: async () => {},
  }
}
