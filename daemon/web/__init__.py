"""The HTTP interface and the web page. The rest of the daemon needs `WebState` and `WebServer` alone.

Neither imports Starlette or uvicorn, which take about 90 ms: the server's own thread does.
"""
