"""The HTTP server: `segue serve`, or `create_app(Engine([segue.load()]), Settings())` in a server of yours.

    guard      request id, token, a place in the queue, body size, disconnects   (every request)
    routes     the endpoints; openai_api speaks as OpenAI's clients do
    pictures   data URL, upload or allowed https URL -> picture, within limits
    engine     batches, features kept by content, one worker thread a device

Needs the `serve` extra.
"""
