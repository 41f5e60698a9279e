import type { ByteContent } from '../source.ts'

/** A content that is known already. */
export function textContent (text: string): ByteContent {
  return {
    form: 'bytes',
    async * read ({ signal } = {}) {
      signal?.throwIfAborted()
      yield Buffer.from(text)
    },
  }
}
