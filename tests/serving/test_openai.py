"""The official OpenAI client against a running server."""

from __future__ import annotations

import time

import openai
import pytest

from segue.query import Query
from segue.serving.following import Follower
from segue.serving.served import make_served
from tests.modeling.speaking import picture, speaking_predictor
from tests.serving.running import Parrot, data_url, running

MUG_AND_SPOON = "Where are the mug and the spoon?"
DOG = "Where is the dog?"


@pytest.fixture(scope="module")
def model():
    return speaking_predictor()


@pytest.fixture(scope="module")
def server(model):
    with running(model, Parrot(), token="pass") as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="pass", max_retries=0) as client:
        yield client


def about(question, image=None):
    parts = [{"type": "text", "text": question}]
    if image is not None:
        parts.append({"type": "image_url", "image_url": {"url": data_url(image), "detail": "high"}})
    return {"role": "user", "content": parts}


def test_a_completion(client, model):
    expected = model.ask(picture(1), MUG_AND_SPOON)
    completion = client.chat.completions.create(
        model="speaking", messages=[about(MUG_AND_SPOON, picture(1))], temperature=0, seed=3
    )
    (choice,) = completion.choices
    assert (choice.message.role, choice.message.content) == ("assistant", expected.text)
    assert choice.finish_reason == "stop"
    assert [s["phrase"] for s in choice.message.segments] == [s.phrase for s in expected.segments]
    assert choice.message.segments[0]["mask"] == expected.segments[0].rle
    assert choice.message.segments[2]["rejected"]
    assert len(choice.message.words) == len(expected.words)
    assert (
        completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    )
    assert completion.usage.completion_tokens > 10
    assert completion.model == "speaking"
    assert completion._request_id


def test_a_stream_brings_text_as_it_comes_and_segments_at_the_end(client, model):
    expected = model.ask(picture(1), MUG_AND_SPOON)
    chunks = list(
        client.chat.completions.create(
            model="speaking",
            messages=[about(MUG_AND_SPOON, picture(1))],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    *_, last, usage = chunks
    pieces = [chunk.choices[0].delta.content for chunk in chunks[:-1] if chunk.choices[0].delta.content]
    assert "".join(pieces) == expected.text
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [s["phrase"] for s in last.choices[0].delta.segments] == [s.phrase for s in expected.segments]
    assert last.choices[0].finish_reason == "stop"
    assert all(chunk.choices[0].finish_reason is None for chunk in chunks[:-2])
    assert usage.choices == []
    assert usage.usage.completion_tokens > 10
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_comes_in_pieces(client, monkeypatch):
    # A listener that is late is given at once what has gathered, so on a busy machine the model waits here.
    tell = Follower.on_ids

    def slowly(self, ids):
        tell(self, ids)
        time.sleep(0.05)

    monkeypatch.setattr(Follower, "on_ids", slowly)
    messages = [about(MUG_AND_SPOON, picture(1))]
    stream = client.chat.completions.create(model="speaking", messages=messages, stream=True)
    assert sum(bool(chunk.choices[0].delta.content) for chunk in stream) > 2


def test_a_conversation_about_one_picture(client, server, model):
    messages = [{"role": "system", "content": "Be brief."}, about(DOG, picture(2))]
    first = client.chat.completions.create(model="speaking", messages=messages).choices[0].message
    assert first.content == model.ask(picture(2), DOG).text
    hits = server.engine.cache.hits
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": MUG_AND_SPOON}]
    second = client.chat.completions.create(model="speaking", messages=messages).choices[0].message
    assert second.content == model.ask(picture(2), MUG_AND_SPOON).text
    assert server.engine.cache.hits == hits + 1
    assert "system messages are not read by this model" in second.notes
    messages.append(about(DOG, picture(3)))  # a new picture takes over
    third = client.chat.completions.create(model="speaking", messages=messages).choices[0].message
    assert third.segments[0]["mask"] == model.ask(picture(3), DOG).segments[0].rle


def test_an_answer_cut_at_its_limit_says_length(client):
    for field in ("max_tokens", "max_completion_tokens"):
        completion = client.chat.completions.create(
            model="speaking", messages=[about(MUG_AND_SPOON, picture(1))], **{field: 4}
        )
        assert completion.choices[0].finish_reason == "length"
        assert completion.usage.completion_tokens <= 4


def test_models(client):
    assert [entry.id for entry in client.models.list()] == ["speaking", "parrot"]
    assert client.models.retrieve("parrot").id == "parrot"


def test_a_late_stream_ends_with_an_error():
    told = []
    with running(Parrot(), deadline=2.5) as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0)
        stream = client.chat.completions.create(
            model="parrot", messages=[about("say 500", picture(1))], max_tokens=500, stream=True
        )
        with pytest.raises(openai.APIError, match="took longer"):
            told.extend(chunk.choices[0].delta.content or "" for chunk in stream)
        client.close()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"model": "gpt-4o"}, openai.NotFoundError, "no model 'gpt-4o'"),
        ({"messages": [{"role": "user", "content": DOG}]}, openai.BadRequestError, "no picture"),
        ({"messages": [about("", picture(1))]}, openai.BadRequestError, "no text"),
        ({"messages": [about(DOG, picture(1)), {"role": "assistant", "content": "x"}]},
         openai.BadRequestError, "must be the user's"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
         openai.BadRequestError, "image_url"),
        ({"messages": []}, openai.BadRequestError, "messages"),
        ({"messages": [about("x" * 5000, picture(1))]}, openai.BadRequestError, "5,000"),
        ({"messages": [about("<p>", picture(1))]}, openai.BadRequestError, "control token"),
        ({"n": 2}, openai.BadRequestError, "n must be 1"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, openai.BadRequestError, "tools"),
        ({"response_format": {"type": "json_object"}}, openai.BadRequestError, "plain text"),
        ({"logprobs": True}, openai.BadRequestError, "logprobs"),
        ({"max_tokens": 0}, openai.BadRequestError, "max_tokens"),
    ],
)  # fmt: skip
def test_errors_are_the_clients_own(client, stream, changes, error, words):
    asked = {"model": "speaking", "messages": [about(DOG, picture(1))]} | changes
    with pytest.raises(error, match=words):
        client.chat.completions.create(stream=stream, **asked)


def test_a_wrong_key(server):
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="wrong", max_retries=0)
    with client, pytest.raises(openai.AuthenticationError, match="token"):
        client.models.list()


def test_streamed_text_is_always_a_beginning_of_the_whole(model):
    """But for the last word, no text of a part of an answer's ids is taken back later."""
    served = make_served(model, max_batch=1)
    for question in (MUG_AND_SPOON, DOG, "Describe this image.", "Is there a cat?"):
        said: list[list[int]] = []
        query = Query(picture(1), question)
        (reply,) = model.reply([query], watch=lambda _, ids, said=said: said.append(list(ids)) or True)
        assert len(said) > 5
        for ids in said:
            text = served.text_of(ids)
            assert reply.answer.text.startswith(text[: text.rfind(" ") + 1])
