export function encodeBase64 (bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

/** The bytes; undefined unless the text is the one canonical, padded form of them (Buffer takes much else). */
export function decodeBase64 (text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

/** As {@link decodeBase64}, for 32 bytes exactly. */
export function decodeHash (text: string): Uint8Array | undefined {
  const bytes = decodeBase64(text)
  return bytes?.length === 32 ? bytes : undefined
}
