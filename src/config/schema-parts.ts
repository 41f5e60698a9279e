import type { GenericSchema } from 'valibot'

interface Parts {
  /** Of an object. */
  readonly entries?: Readonly<Record<string, GenericSchema>>
  /** Of a list. */
  readonly item?: GenericSchema
  /** Of what may be left out. */
  readonly wrapped?: GenericSchema
  readonly pipe?: readonly Parts[]
}

/** The schemas of an object's members by name; none for what is no object. */
export function membersOf (schema: GenericSchema): Readonly<Record<string, GenericSchema>> {
  return partOf(schema, 'entries') ?? {}
}

/** The schema of a list's items; undefined for what is no list. */
export function itemOf (schema: GenericSchema): GenericSchema | undefined {
  return partOf(schema, 'item')
}

/** The schema of what may be left out, when it is there. */
export function unwrapped (schema: GenericSchema): GenericSchema {
  return partOf(schema, 'wrapped') ?? schema
}

function partOf<Name extends 'entries' | 'item' | 'wrapped'> (schema: GenericSchema & Parts, name: Name): Parts[Name] | undefined {
  return schema[name] ?? schema.pipe?.find(step => step[name] !== undefined)?.[name]
}
