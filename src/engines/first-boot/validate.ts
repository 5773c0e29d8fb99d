/** What is wrong with texts for cloud-init, told before a guest boots with them: by cloud-init's own schemas. */

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { yamlFrom, type YamlPath } from '#base/yaml.ts'
import { beginnings, isMessage, typeOf } from '#model/user-data.ts'
import { cloudConfigSchema, networkConfigSchema } from './schemas.gen.ts'

/** `path`: the place within the YAML; empty: the whole. */
export type TextFault = { readonly why: string; readonly line: number; readonly path: string }

const compiled = new Map<string, ValidateFunction>()

/** Compiled when first needed: it takes a few hundred milliseconds. */
function validatorOf(schema: string): ValidateFunction {
  const known = compiled.get(schema)
  if (known !== undefined) return known
  const made = new Ajv({ strict: false, allErrors: true, validateFormats: false, logger: false }).compile(
    JSON.parse(schema),
  )
  compiled.set(schema, made)
  return made
}

/** Of user data or vendor data; nothing when cloud-init takes it, as far as can be told without running it. */
export function userDataFault(text: string): TextFault | undefined {
  if (text.trim() === '' || isMessage(text)) return undefined
  const type = typeOf(text)
  if (type === undefined) return { why: `it begins with none of ${beginnings.join(', ')}`, line: 1, path: '' }
  return type === 'text/cloud-config' ? yamlFault(text, cloudConfigSchema) : undefined
}

/** Of a network-config, whose version is 2. */
export function networkConfigFault(text: string): TextFault | undefined {
  return yamlFault(text, networkConfigSchema)
}

function yamlFault(text: string, schema: string): TextFault | undefined {
  const read = yamlFrom(text)
  if ('why' in read) return { ...read, path: '' }
  // A cloud-config that holds nothing wishes for nothing.
  if (read.value === null && schema === cloudConfigSchema) return undefined
  const validate = validatorOf(schema)
  if (validate(read.value)) return undefined
  const error = mostTelling(validate.errors ?? [])
  if (error === undefined) return { why: 'its form is wrong', line: 1, path: '' }
  const path = pathOf(error)
  return { why: wordsFor(error), line: read.lineOf(path), path: path.join('.') }
}

/** Of all that went wrong, what lies deepest: above it stand only the choices that failed for it. */
function mostTelling(errors: readonly ErrorObject[]): ErrorObject | undefined {
  const rank = (error: ErrorObject) => pathOf(error).length * 10 + (told[error.keyword] ?? 1)
  return errors.toSorted((one, other) => rank(other) - rank(one))[0]
}

const told: Readonly<Record<string, number>> = {
  additionalProperties: 5,
  enum: 4,
  type: 3,
  required: 3,
  anyOf: 0,
  oneOf: 0,
  not: 0,
}

function pathOf({ instancePath, keyword, params }: ErrorObject): YamlPath {
  const parts = instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part))
  return keyword === 'additionalProperties' ? [...parts, String(params['additionalProperty'])] : parts
}

function wordsFor({ keyword, params, message = 'is wrong' }: ErrorObject): string {
  if (keyword === 'additionalProperties') return 'cloud-init knows no such key'
  if (keyword === 'enum' && Array.isArray(params['allowedValues']))
    return `must be one of ${params['allowedValues'].join(', ')}`.slice(0, 300)
  return message.slice(0, 300)
}
