import fc from 'fast-check'

/** Any character, the awkward ones of COPY and of UTF-16 often. */
export const character: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('\t', '\n', '\r', '\b', '\f', '\v', '\\', '\0', '@', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'),
  fc.integer({ min: 0, max: 0x10f7ff }).map(code => String.fromCodePoint(code < 0xd800 ? code : code + 0x800)), // no lone surrogates
)

export const unicode: fc.Arbitrary<string> = fc.string({ unit: character })
