import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { AnyOperation, Operations } from 'wcs-core';
import { pathOfOperation } from '../wire/rest-path.ts';
import { admit, type AppParts } from './parts.ts';

/** The description of all operations in OpenAPI 3.0, made anew when an operation has come, gone or been replaced. */
export class ApiDocument {
  readonly #operations: Operations;
  readonly #version: string;
  #made: { readonly of: readonly AnyOperation[]; readonly document: Promise<object> } | undefined;

  constructor(operations: Operations, version: string) {
    this.#operations = operations;
    this.#version = version;
  }

  current(): Promise<object> {
    const list = this.#operations.list();
    if (this.#made?.of.length !== list.length || !list.every((operation, index) => operation === this.#made?.of[index])) {
      this.#made = { of: list, document: describeOperations(list, this.#version) };
    }
    return this.#made.document;
  }
}

/** `/openapi.json`, for those who may call the operations. */
export function addApiDocumentRoute(app: FastifyInstance, parts: AppParts): void {
  const api = new ApiDocument(parts.operations, parts.status.health().version);
  app.get('/openapi.json', async (request, reply) => {
    await admit(parts, request);
    return reply.header('Access-Control-Allow-Origin', '*').send(await api.current());
  });
}

/**
 * Lets the router's own generator describe one route for each operation. The routes live in an application of their own
 * that never serves, since those of a running application cannot change.
 */
export async function describeOperations(operations: readonly AnyOperation[], version: string): Promise<object> {
  const app = fastify();
  // Nothing is validated here, and the schemas need not compile.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => () => '');
  await app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: { title: 'WCS Core REST API', version, description: 'Every operation of the server and its plugins. Successful calls answer 200, with an empty body where there is nothing to tell.' },
      components: { securitySchemes: { basic: { type: 'http', scheme: 'basic' } } },
      security: [{ basic: [] }],
    },
  });
  for (const operation of operations) addDescription(app, operation);
  await app.ready();
  const document: object = app.swagger();
  await app.close();
  return document;
}

function addDescription(app: FastifyInstance, operation: AnyOperation): void {
  const { name, summary, role } = operation;
  app.route({
    method: 'POST',
    url: pathOfOperation(name),
    schema: {
      operationId: name,
      summary,
      tags: [name.split('.', 1)[0] ?? name],
      description: role === 'admin' ? 'Needs the role admin.' : 'Needs the role viewer. May be called by GET with the fields in the query string.',
      body: schemaOf(operation.input, 'input'),
      response: { 200: { description: 'Done.', ...(operation.output === undefined ? {} : schemaOf(operation.output, 'output')) } },
    },
    handler: () => undefined,
  });
}

function schemaOf(type: z.ZodType, io: 'input' | 'output'): object {
  try {
    return z.toJSONSchema(type, { io, target: 'openapi-3.0', unrepresentable: 'any' });
  } catch {
    // A schema that refers to itself in a way JSON Schema has no words for is shown as "anything".
    return {};
  }
}
