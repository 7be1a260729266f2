// A wasi:http function: tells about its request, relays another server's answer, streams a body back, or fails.
import { getEnvironment } from 'wasi:cli/environment@0.2.10';

addEventListener('fetch', (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const url = new URL(request.url);
  switch (url.pathname.split('/').pop()) {
    case 'relay': {
      const peer = await fetch(url.searchParams.get('url'));
      return new Response(`${peer.status} ${await peer.text()}`, { headers: { 'x-from': 'relay' } });
    }
    case 'stream':
      return new Response(request.body);
    case 'fail':
      throw new Error('asked to fail');
    default:
      return Response.json(await describe(request, url));
  }
}

async function describe(request, url) {
  return {
    method: request.method,
    path: url.pathname,
    header: request.headers.get('x-test'),
    greeting: Object.fromEntries(getEnvironment()).GREETING,
    body: await request.text(),
  };
}
