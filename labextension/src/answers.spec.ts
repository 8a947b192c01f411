import { ServerConnection } from '@jupyterlab/services';
import { describe, expect, it } from 'vitest';

import { ContinuumApi } from './api';
import { changeOf } from './changes';

/** The routes, when the server answers all of them with this. */
function apiOver(result: unknown): ContinuumApi {
  const fetch = async () => new Response(JSON.stringify({ result }));
  return new ContinuumApi(
    ServerConnection.makeSettings({ baseUrl: 'http://127.0.0.1/', fetch })
  );
}

const CLAIM = {
  field: 'country',
  value: 'IT',
  kind: 'official',
  source: 'a guide',
  url: '',
  observed: '2026',
  expires: '',
  note: '',
  verified: true
};

describe('an answer', () => {
  it('is taken as it is when views can show it', async () => {
    expect(await apiOver([CLAIM]).claims('a/cpu')).toEqual([CLAIM]);
    expect(await apiOver([]).sites(false)).toEqual([]);
    expect(await apiOver(null).refresh('a')).toBeNull();
    expect(await apiOver({ 'job 1': 'text' }).logs('c', '')).toEqual({
      'job 1': 'text'
    });
  });

  it.each([
    ['no list', {}],
    ['no list', 'text'],
    ['nothing', null],
    ['a list of nothing', [null]],
    ['a claim without its value', [{ ...CLAIM, value: undefined }]],
    ['a claim whose value is none', [{ ...CLAIM, value: { a: 1 } }]]
  ])('about claims that is %s is refused in words', async (_, result) => {
    await expect(apiOver(result).claims('a/cpu')).rejects.toThrow(
      'The answer to GET claims is none that this page can show.'
    );
  });

  it('that no view could show is refused wherever it comes from', async () => {
    for (const broken of [{}, [{}], [{ id: 'a', name: 'A' }], 'text']) {
      const api = apiOver(broken);
      const asked: readonly Promise<unknown>[] = [
        api.sites(false),
        api.refresh('a'),
        api.probe('a', ''),
        api.draft('a'),
        api.associations('a'),
        api.clusters(),
        api.scale('c', 'a', 1),
        api.datasets(),
        api.prompts(),
        api.dryRun({ groups: [] }, []),
        api.sweep('folder', '')
      ];
      await Promise.all(
        asked.map(answer =>
          expect(answer).rejects.toThrow('none that this page can show')
        )
      );
    }
  });
});

it('is no change that tells of a site or a cluster in part', () => {
  const schema_id = 'https://schema.jupyter.org/jupyter_continuum/change/v1';
  const event = (more: object) => ({ schema_id, ...more }) as never;
  expect(changeOf(event({ kind: 'site', site: { id: 'a' } }))).toBeNull();
  expect(changeOf(event({ kind: 'cluster', cluster: null }))).toBeNull();
  expect(changeOf(event({ kind: 'prompt' }))).not.toBeNull();
});
