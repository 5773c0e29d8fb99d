/** The API as an OpenAPI 3.1 document, read from the routes and the kinds. */

import { z } from 'zod'
import type { Kind } from '#model/kind.ts'
import type { Route } from './route.ts'

/** Schemas that others refer to, by name; filled while the document is written. */
type Shared = Map<string, unknown>

/** A zod type as JSON Schema; what it defines on the side moves to the document's own schemas. */
function schemaOf(type: z.ZodType, io: 'input' | 'output', shared: Shared): Record<string, unknown> {
  const written = z.toJSONSchema(type, { io, unrepresentable: 'any', target: 'draft-2020-12' })
  const { $schema: _schema, $defs = {}, ...schema } = written
  const names = new Map(Object.keys($defs).map((name, at) => [name, `shared${shared.size + at}`]))
  const moved = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value).replace(
        /"#\/\$defs\/([^"]+)"/g,
        (_whole, name: string) => `"#/components/schemas/${names.get(name)}"`,
      ),
    )
  for (const [name, definition] of Object.entries($defs))
    shared.set(names.get(name) ?? name, moved(definition))
  return moved(schema) as Record<string, unknown>
}

const parameter = (name: string, description: string, schema: object) => ({
  name,
  in: 'query',
  required: false,
  description,
  schema,
})
const text = { type: 'string' }

const listParameters = [
  parameter('limit', 'How many at most', { type: 'integer', minimum: 1, maximum: 500, default: 100 }),
  parameter('cursor', 'Where the last page ended: its `next`', text),
  parameter('labels', 'Selector: `k=v,k!=v,k,!k`; all must hold', text),
  parameter('search', 'Part of a name, description or label', text),
  parameter('sort', 'Paths, commas between, `-` before one for falling order', {
    type: 'string',
    default: 'name,project',
  }),
]
const projectParameter = parameter('project', 'Name of the project', text)
const changeParameters = [
  parameter('dryRun', '`plan`: say what would be done and change nothing', {
    type: 'string',
    enum: ['plan'],
  }),
  parameter('wait', 'Seconds to wait until it has come true; `ready`: until the guest says that it is done', {
    oneOf: [
      { type: 'integer', minimum: 0, maximum: 600 },
      { type: 'string', enum: ['ready'] },
    ],
  }),
]

export function openApiDocument(routes: readonly Route[], kinds: readonly Kind[], version: string) {
  const shared: Shared = new Map()
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}').replace('/*', '/{path}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, kinds, shared) }
  }
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Decant',
      version,
      description: 'A virtual datacenter. Every object has a wish (`spec`) and a state (`status`).',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ token: [] }, { session: [] }],
    tags: kinds.map(({ name, summary }) => ({ name, description: summary })),
    paths,
    components: {
      schemas: {
        Problem: problemSchema,
        ...Object.fromEntries(kinds.map((kind) => [kind.name, objectSchema(kind, shared)])),
        ...Object.fromEntries(shared),
      },
      responses: {
        Problem: {
          description: 'A problem (RFC 9457)',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: 'decant_session' },
      },
    },
  }
}

function operationOf(route: Route, kinds: readonly Kind[], shared: Shared) {
  const {
    method,
    path,
    summary,
    role,
    scope,
    kind: name,
    isChange,
    action,
    input,
    takes,
    answers = '',
  } = route
  const kind = kinds.find((kind) => kind.name === name)
  const isList = kind !== undefined && path.endsWith(`/${kind.plural}`) && method === 'GET'
  const given = Array.from(path.replace('/*', '/:path').matchAll(/:(\w+)/g), ([, name]) => name ?? '')
  const parameters = [
    ...given.map((name) => ({ name, in: 'path', required: true, schema: text })),
    ...(kind?.scope === 'project' ? [projectParameter] : []),
    ...(isList ? listParameters : []),
    ...(isChange && kind !== undefined ? changeParameters : []),
  ]
  const isObject = kind !== undefined && answers === 'The object'
  const schema = isObject ? { $ref: `#/components/schemas/${kind.name}` } : {}
  const body = bodyOf({ input, takes, method }, shared)
  return {
    operationId: `${method.toLowerCase()}_${path.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_|_$/g, '') || 'root'}`,
    summary,
    description: `Action \`${action}\`. Role: ${role}${scope === 'none' ? '' : ` (${scope})`}.`,
    ...(name === undefined ? {} : { tags: [name] }),
    ...(role === 'anyone' ? { security: [] } : {}),
    parameters,
    ...(body === undefined ? {} : { requestBody: body }),
    responses: {
      '2XX': {
        description: answers === '' ? 'Done' : answers,
        ...(isObject ? { content: { 'application/json': { schema } } } : {}),
      },
      '4XX': { $ref: '#/components/responses/Problem' },
      '5XX': { $ref: '#/components/responses/Problem' },
    },
  }
}

type Taken = { input: z.ZodType | undefined; takes: Route['takes']; method: string }

function bodyOf({ input, takes, method }: Taken, shared: Shared) {
  if (takes === 'bytes') return { required: true, content: { 'application/octet-stream': { schema: {} } } }
  if (takes === undefined) return undefined
  const schema =
    input === undefined || method === 'PATCH' ? { type: 'object' } : schemaOf(input, 'input', shared)
  const type =
    takes === 'form'
      ? 'application/x-www-form-urlencoded'
      : method === 'PATCH'
        ? 'application/merge-patch+json'
        : 'application/json'
  return { required: method !== 'POST', content: { [type]: { schema } } }
}

const objectSchema = (kind: Kind, shared: Shared) => ({
  type: 'object',
  title: kind.title.en,
  description: kind.summary,
  required: ['kind', 'id', 'name', 'project', 'generation', 'spec', 'status', 'revision'],
  properties: {
    kind: { const: kind.name },
    id: { type: 'string', format: 'uuid' },
    name: text,
    project: kind.scope === 'pool' ? { type: 'null' } : text,
    generation: { type: 'integer', minimum: 1 },
    revision: { type: 'integer' },
    version: { type: 'integer' },
    createdAtMs: { type: 'number' },
    deletingAtMs: { type: ['number', 'null'] },
    owner: { type: ['string', 'null'] },
    host: { type: ['string', 'null'] },
    isProtected: { type: 'boolean' },
    description: text,
    labels: { type: 'object', additionalProperties: text },
    spec: schemaOf(kind.spec, 'output', shared),
    status: schemaOf(kind.status, 'output', shared),
  },
})

const problemSchema = {
  type: 'object',
  required: ['type', 'code', 'status', 'title', 'detail', 'advice', 'facts', 'retry'],
  properties: {
    type: text,
    code: text,
    status: { type: 'integer' },
    title: text,
    detail: text,
    advice: text,
    field: text,
    facts: { type: 'object' },
    retry: { enum: ['never', 'later', 'after-change'] },
  },
}
