import { PromiseDelegate } from '@lumino/coreutils';
import { describe, expect, it } from 'vitest';

import { ContinuumModel } from './model';
import type { IContinuumApi } from './tokens';
import type { ICluster, IPrompt, ISite } from './wire';

const trans = {
  __: (text: string, ...args: unknown[]) =>
    text.replace(/%(\d)/g, (_, n) => String(args[Number(n) - 1]))
} as unknown as ConstructorParameters<typeof ContinuumModel>[1];

const site = (id: string, state = 'ready') =>
  ({ id, name: id, state, offers: [] }) as unknown as ISite;
const cluster = (name: string, state = 'running') =>
  ({ name, state, groups: [], links: [] }) as unknown as ICluster;
const prompt = (id: string) => ({ id }) as unknown as IPrompt;

function modelOver(api: Partial<IContinuumApi>): ContinuumModel {
  const quiet: Partial<IContinuumApi> = {
    sites: async () => [site('a'), site('b')],
    clusters: async () => [cluster('c')],
    prompts: async () => []
  };
  return new ContinuumModel({ ...quiet, ...api } as IContinuumApi, trans);
}

describe('ContinuumModel', () => {
  it('holds what the server knows after a refresh', async () => {
    const model = modelOver({});
    expect(model.phase).toBe('idle');
    const loading = model.refresh();
    expect(model.phase).toBe('loading');
    await loading;
    expect(model.phase).toBe('ready');
    expect(model.sites.map(it => it.id)).toEqual(['a', 'b']);
    expect(model.clusters.map(it => it.name)).toEqual(['c']);
  });

  it('keeps old records and says why when a refresh fails', async () => {
    let fails = false;
    const model = modelOver({
      sites: async () => {
        if (fails) {
          throw new Error('The broker does not answer.');
        }
        return [site('a')];
      }
    });
    await model.refresh();
    fails = true;
    await model.refresh();
    expect(model.phase).toBe('failed');
    expect(model.trouble).toBe('The broker does not answer.');
    expect(model.sites).toHaveLength(1);
  });

  it('takes in changes one by one', async () => {
    const model = modelOver({});
    await model.refresh();
    model.apply({ kind: 'site', site: site('b', 'unreachable') });
    model.apply({ kind: 'site', site: site('n', 'catalogued') });
    model.apply({ kind: 'cluster', cluster: cluster('d') });
    model.apply({ kind: 'cluster-gone', name: 'c' });
    expect(model.sites.map(it => it.state)).toEqual([
      'ready',
      'unreachable',
      'catalogued'
    ]);
    expect(model.clusters.map(it => it.name)).toEqual(['d']);
  });

  it('knows what changed while it looked at all there is', async () => {
    const slowest = new PromiseDelegate<IPrompt[]>();
    const model = modelOver({ prompts: () => slowest.promise });
    const looking = model.refresh();
    model.apply({ kind: 'site', site: site('b', 'unreachable') });
    model.apply({ kind: 'cluster-gone', name: 'c' });
    slowest.resolve([]);
    await looking;
    expect(model.sites.map(it => it.state)).toEqual(['ready', 'unreachable']);
    expect(model.clusters).toEqual([]);
  });

  it('looks twice, and not for ever, when the broker comes back meanwhile', async () => {
    const answer = new PromiseDelegate<IPrompt[]>();
    let looks = 0;
    const model = modelOver({
      sites: async () => {
        looks += 1;
        return [site('a')];
      },
      prompts: () => answer.promise
    });
    const looking = model.refresh();
    model.apply({ kind: 'broker', state: 'lost', message: 'It has ended.' });
    model.apply({ kind: 'broker', state: 'ready' });
    answer.resolve([]);
    await looking;
    await new Promise(done => setTimeout(done));
    expect([looks, model.phase]).toEqual([2, 'ready']);
  });

  it('lets a cluster that is gone stay gone, whatever is said of it later', async () => {
    const answer = new PromiseDelegate<ICluster>();
    const model = modelOver({ scale: () => answer.promise });
    await model.refresh();
    const scaling = model.scale('c', 'g', 2);
    model.apply({ kind: 'cluster-gone', name: 'c' });
    model.apply({ kind: 'cluster-gone', name: 'never-there' });
    answer.resolve(cluster('c'));
    await scaling;
    expect(model.clusters).toEqual([]);
  });

  it('leaves retired sites out unless they are asked for', async () => {
    const model = modelOver({});
    await model.refresh();
    model.apply({ kind: 'site', site: site('old', 'retired') });
    expect(model.sites.map(it => it.id)).toEqual(['a', 'b']);
  });

  it('makes a plan of what was picked, within bounds', () => {
    const model = modelOver({});
    model.toggle('a/cpu');
    model.toggle('b/gpu');
    model.toggle('a/cpu');
    model.toggle('a/cpu');
    model.change('b/gpu', { jobs: 3, walltimeMinutes: 30 });
    model.change('a/cpu', { jobs: -1, nodes: Number.NaN });
    model.setDraftName(' mine ');
    expect(model.plan()).toEqual({
      name: 'mine',
      groups: [
        { offer: 'b/gpu', jobs: 3, nodes: 1, walltime_minutes: 30 },
        { offer: 'a/cpu', jobs: 1, nodes: 1 }
      ]
    });
  });

  it('says what it waits for, and forgets the picks once launched', async () => {
    let arrive: (it: ICluster) => void = () => undefined;
    const model = modelOver({
      launch: () => new Promise(resolve => (arrive = resolve))
    });
    model.toggle('a/cpu');
    const launching = model.launch();
    expect(model.busy.get('launch')).toContain('scheduler');
    arrive(cluster('new'));
    await launching;
    expect(model.busy.size).toBe(0);
    expect(model.picks).toHaveLength(0);
    expect(model.clusters.map(it => it.name)).toEqual(['new']);
  });

  it('keeps the picks when the launch is refused', async () => {
    const model = modelOver({
      launch: async () => {
        throw new Error('No.');
      }
    });
    model.toggle('a/cpu');
    await expect(model.launch()).rejects.toThrow('No.');
    expect(model.picks).toHaveLength(1);
    expect(model.busy.size).toBe(0);
  });

  it('fetches a prompt that was announced and drops one that is gone', async () => {
    const model = modelOver({ prompts: async () => [prompt('p')] });
    const arrived = new Promise<void>(resolve =>
      model.stateChanged.connect(() => model.prompts.length && resolve())
    );
    model.apply({ kind: 'prompt' });
    await arrived;
    expect(model.prompts.map(it => it.id)).toEqual(['p']);
    model.apply({ kind: 'prompt-gone', id: 'p' });
    expect(model.prompts).toHaveLength(0);
  });

  it('says how a probe goes on, and can be told to stop', async () => {
    const asked: string[] = [];
    let arrive: (it: null) => void = () => undefined;
    const model = modelOver({
      probe: (site, offer) => {
        asked.push(`${site} ${offer}`);
        return new Promise(resolve => (arrive = resolve));
      },
      cancelProbe: async site => {
        asked.push(`stop ${site}`);
      }
    });
    const probing = model.probeSite('a', 'a/cpu');
    expect(model.busy.get('probe:a')).toContain('job');
    expect(model.busy.has('site:a')).toBe(false);
    await model.cancelProbe('a');
    arrive(null);
    await probing;
    expect(model.busy.size).toBe(0);
    expect(asked).toEqual(['a a/cpu', 'stop a']);
  });

  it('is silent once disposed', () => {
    const model = modelOver({});
    let signals = 0;
    model.stateChanged.connect(() => (signals += 1));
    model.dispose();
    model.toggle('a/cpu');
    expect(signals).toBe(0);
  });
});
