import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import * as answers from './answers';
import type { IContinuumApi, IFilesApi, ISweepApi } from './tokens';
import type {
  IAssociation,
  IClaim,
  ICluster,
  IDataset,
  IDraft,
  IDryRun,
  IFetch,
  IFiles,
  IPlan,
  IProfile,
  IPrompt,
  IReach,
  ISite,
  ISweepView
} from './wire';

const BASE = 'jupyter-continuum/api';

/** The server refused, in its own words. */
export class ContinuumError extends Error {
  constructor(
    message: string,
    /** The error's class on the server, or ''. */
    readonly kind: string
  ) {
    super(message);
  }
}

/** The routes of `jupyter_continuum/server/routes.py`, `fetches.py` and `sweeps.py`. */
export class ContinuumApi implements IContinuumApi, IFilesApi, ISweepApi {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  async sites(retired: boolean): Promise<ISite[]> {
    return this.ask(
      answers.listOf(answers.isSite),
      'GET',
      ['sites'],
      undefined,
      {
        retired: retired ? '1' : '0'
      }
    );
  }

  async refresh(site: string): Promise<ISite | null> {
    return this.ask(
      answers.orNone(answers.isSite),
      'POST',
      ['sites', site, 'refresh'],
      {}
    );
  }

  async renew(site: string): Promise<ISite | null> {
    return this.ask(
      answers.orNone(answers.isSite),
      'POST',
      ['sites', site, 'renew'],
      {}
    );
  }

  async probe(site: string, offer: string): Promise<IReach | null> {
    return this.ask(
      answers.orNone(answers.isReach),
      'POST',
      ['sites', site, 'probe'],
      { offer }
    );
  }

  async cancelProbe(site: string): Promise<void> {
    await this.ask(anything, 'DELETE', ['sites', site, 'probe']);
  }

  async draft(site: string): Promise<IDraft> {
    return this.ask(answers.isDraft, 'POST', ['draft'], { site });
  }

  async associations(site: string): Promise<IAssociation[]> {
    return this.ask(answers.listOf(answers.isAssociation), 'GET', [
      'sites',
      site,
      'associations'
    ]);
  }

  async connect(profile: IProfile): Promise<ISite | null> {
    return this.ask(answers.orNone(answers.isSite), 'POST', ['connect'], {
      profile
    });
  }

  async disconnect(site: string): Promise<ISite> {
    return this.ask(answers.isSite, 'POST', ['disconnect'], { site });
  }

  async claims(offer: string): Promise<IClaim[]> {
    return this.ask(
      answers.listOf(answers.isClaim),
      'GET',
      ['claims'],
      undefined,
      { offer }
    );
  }

  async clusters(): Promise<ICluster[]> {
    return this.ask(answers.listOf(answers.isCluster), 'GET', ['clusters']);
  }

  async datasets(): Promise<IDataset[]> {
    return this.ask(answers.listOf(answers.isDataset), 'GET', ['datasets']);
  }

  async dryRun(plan: IPlan, accept: readonly string[]): Promise<IDryRun> {
    return this.ask(answers.isDryRun, 'POST', ['plan'], {
      plan,
      accept,
      foretell: true
    });
  }

  async launch(
    plan: IPlan,
    accept: readonly string[]
  ): Promise<ICluster | null> {
    return this.ask(answers.orNone(answers.isCluster), 'POST', ['clusters'], {
      plan,
      accept
    });
  }

  async scale(name: string, group: string, jobs: number): Promise<ICluster> {
    return this.ask(answers.isCluster, 'POST', ['clusters', name, 'scale'], {
      group,
      jobs
    });
  }

  async stop(name: string): Promise<ICluster | null> {
    return this.ask(answers.orNone(answers.isCluster), 'DELETE', [
      'clusters',
      name
    ]);
  }

  async endAccess(name: string): Promise<ICluster | null> {
    return this.ask(answers.orNone(answers.isCluster), 'DELETE', [
      'clusters',
      name,
      'access'
    ]);
  }

  async openAccess(name: string): Promise<ICluster | null> {
    return this.ask(
      answers.orNone(answers.isCluster),
      'POST',
      ['clusters', name, 'access'],
      {}
    );
  }

  async logs(
    name: string,
    group: string
  ): Promise<Readonly<Record<string, string>>> {
    return this.ask(
      answers.byName(answers.isText),
      'GET',
      ['clusters', name, 'logs'],
      undefined,
      { group }
    );
  }

  async plots(name: string): Promise<Record<string, string>> {
    const url = URLExt.join(
      this.settings.baseUrl,
      'jupyter-continuum/clusters',
      encodeURIComponent(name),
      'dashboard/individual-plots.json'
    );
    const response = await this.reach(url, { method: 'GET' });
    const answer: unknown = await response.json().catch(() => null);
    if (!response.ok || typeof answer !== 'object' || answer === null) {
      throw refusal(response.status, answer);
    }
    return Object.fromEntries(
      Object.entries(answer).filter(it => typeof it[1] === 'string')
    );
  }

  async prompts(): Promise<IPrompt[]> {
    return this.ask(answers.listOf(answers.isPrompt), 'GET', ['prompts']);
  }

  async answer(id: string, value: string | null): Promise<void> {
    await this.ask(anything, 'POST', ['prompts', id], { value });
  }

  async sweep(path: string, since: string): Promise<ISweepView> {
    return this.ask(answers.isSweepView, 'GET', ['sweep'], undefined, {
      path,
      since
    });
  }

  async files(site: string, path: string): Promise<IFiles> {
    return this.ask(answers.isFiles, 'POST', ['sites', site, 'files'], {
      path
    });
  }

  async fetch(
    site: string,
    path: string,
    folder: string,
    force: boolean
  ): Promise<IFetch> {
    return this.ask(answers.isFetch, 'POST', ['sites', site, 'fetch'], {
      path,
      folder,
      force
    });
  }

  async fetches(): Promise<IFetch[]> {
    return this.ask(answers.listOf(answers.isFetch), 'GET', ['fetches']);
  }

  async stopFetching(id: string): Promise<void> {
    await this.ask(anything, 'DELETE', ['fetches', id]);
  }

  private async ask<T>(
    fits: answers.Check<T>,
    method: string,
    path: readonly string[],
    body?: object,
    query: Readonly<Record<string, string>> = {}
  ): Promise<T> {
    const url =
      URLExt.join(
        this.settings.baseUrl,
        BASE,
        ...path.map(encodeURIComponent)
      ) + URLExt.objectToQueryString(query);
    const init = body ? { method, body: JSON.stringify(body) } : { method };
    const response = await this.reach(url, init);
    const answer: unknown = await response.json().catch(() => null);
    if (!response.ok) {
      throw refusal(response.status, answer);
    }
    if (!isResult(answer)) {
      throw new ContinuumError('The Jupyter server sent no result.', '');
    }
    if (!fits(answer.result)) {
      throw new ContinuumError(
        `The answer to ${method} ${path.join('/')} is none that this page can show. Reload the ` +
          'page; if that does not help, page and broker are of two versions: restart both.',
        'Unfit'
      );
    }
    return answer.result;
  }

  private async reach(url: string, init: RequestInit): Promise<Response> {
    try {
      return await ServerConnection.makeRequest(url, init, this.settings);
    } catch (error) {
      if (error instanceof ServerConnection.NetworkError) {
        throw new ContinuumError(
          'The Jupyter server does not answer. Is it still running?',
          'NetworkError'
        );
      }
      throw error;
    }
  }
}

/** For what is answered where nobody reads it. */
function anything(_: unknown): _ is unknown {
  return true;
}

function isResult(answer: unknown): answer is { result: unknown } {
  return typeof answer === 'object' && answer !== null && 'result' in answer;
}

function refusal(status: number, answer: unknown): ContinuumError {
  const { message, kind } = (answer ?? {}) as {
    message?: unknown;
    kind?: unknown;
  };
  if (status === 404 && typeof kind !== 'string') {
    return new ContinuumError(
      'The server part is not there. Run "pip install jupyter-continuum" where the ' +
        'Jupyter server runs; "jupyter server extension list" checks it.',
      'NotInstalled'
    );
  }
  if (status === 403 && typeof kind !== 'string') {
    return new ContinuumError(
      'This Jupyter server lets you look and change nothing. Ask who runs it for more.',
      'Forbidden'
    );
  }
  return new ContinuumError(
    typeof message === 'string' ? message : `The server answered ${status}.`,
    typeof kind === 'string' ? kind : ''
  );
}
