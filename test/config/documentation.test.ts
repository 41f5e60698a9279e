import { readFileSync } from 'node:fs'
import type { GenericSchema } from 'valibot'
import { describe, expect, it } from 'vitest'
import { checkConfig } from '../../src/config/check-config.ts'
import { CONFIG, SOURCES } from '../../src/config/config-schema.ts'
import { SECRET_VARIABLES } from '../../src/config/project-secret.ts'
import { membersOf, unwrapped } from '../../src/config/schema-parts.ts'
import { IDENTITY_VARIABLE } from '../../src/config/sealing-config.ts'
import { VARIABLES } from '../../src/config/settings.ts'

const text = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
const sections = new Map(text.split(/^##+ /m).map(section => [section.slice(0, section.indexOf('\n')), section]))
const fieldsOf = (schema: GenericSchema): string[] => Object.keys(membersOf(unwrapped(schema)))
/** The names in the first column of a section's table. */
const documented = (title: string): string[] => [...(sections.get(title) ?? '').matchAll(/^\|((?: `[A-Za-z_]+`,?)+) \|/gm)].flatMap(([, cell]) => [...cell!.matchAll(/`(\w+)`/g)].map(([, name]) => name!))

describe('docs/configuration.md', () => {
  it('describes every field, and invents none', () => {
    expect(documented('The file').sort()).toEqual(fieldsOf(CONFIG).sort())
    for (const [kind, schema] of Object.entries(SOURCES)) expect([kind, documented(`\`sources.${kind}\``)]).toEqual([kind, expect.arrayContaining(fieldsOf(schema))])
    for (const [kind, schema] of Object.entries(SOURCES)) expect([kind, documented(`\`sources.${kind}\``).length]).toEqual([kind, fieldsOf(schema).length])
    const { consensus, retention, sealing } = membersOf(CONFIG)
    expect(documented('`sealing`').sort()).toEqual(fieldsOf(sealing!).sort())
    expect(documented('`retention`').sort()).toEqual(fieldsOf(retention!).sort())
    expect(documented('`consensus`').sort()).toEqual(fieldsOf(consensus!).sort())
  })

  it('describes the fields of every target', () => {
    for (const [kind, schema] of Object.entries(SOURCES)) {
      for (const field of fieldsOf(membersOf(schema)['target']!)) expect(sections.get(`\`sources.${kind}\``)).toContain(`\`target.${field}\``)
    }
  })

  it('describes every environment variable', () => {
    expect(documented('Environment variables').sort()).toEqual(['CAF_CONFIG', 'NO_COLOR', 'PGPASSWORD', IDENTITY_VARIABLE, ...SECRET_VARIABLES, ...Object.values(VARIABLES)].sort())
  })

  it('shows an example that is valid', () => {
    const example = /```json\n(.*?)```/s.exec(text)![1]!
    expect(checkConfig(JSON.parse(example), 'the example').project).toBe('psyche')
  })
})
