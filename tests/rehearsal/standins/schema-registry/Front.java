import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.concurrent.Executors;

/** Confluent's paths at the root; like Confluent's registry, it listens once the journal has been read. */
public class Front {
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    public static void main(String[] arguments) throws Exception {
        String within = arguments[1];
        awaitReady(within);
        HttpServer server = HttpServer.create(new InetSocketAddress(Integer.parseInt(arguments[0])), 0);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/", exchange -> pass(exchange, within));
        server.start();
    }

    private static void awaitReady(String within) throws InterruptedException {
        HttpRequest question = HttpRequest.newBuilder(URI.create(within + "/health/ready")).build();
        while (true) {
            try {
                if (CLIENT.send(question, BodyHandlers.discarding()).statusCode() == 200) {
                    return;
                }
            } catch (IOException notYet) {
                // it does not listen yet
            }
            Thread.sleep(200);
        }
    }

    private static void pass(HttpExchange exchange, String within) throws IOException {
        String path = exchange.getRequestURI().toString();
        // Apicurio's own API is for the converter within.
        String target = path.startsWith("/apis/") ? path : "/apis/ccompat/v7" + path;
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(within + target))
                .method(exchange.getRequestMethod(), BodyPublishers.ofByteArray(exchange.getRequestBody().readAllBytes()));
        exchange.getRequestHeaders().forEach((name, values) -> {
            if (!List.of("host", "connection", "content-length", "upgrade", "http2-settings").contains(name.toLowerCase())) {
                values.forEach(value -> request.header(name, value));
            }
        });
        try {
            HttpResponse<byte[]> answer = CLIENT.send(request.build(), BodyHandlers.ofByteArray());
            answer.headers().firstValue("content-type")
                    .ifPresent(type -> exchange.getResponseHeaders().set("Content-Type", type));
            byte[] body = answer.body();
            exchange.sendResponseHeaders(answer.statusCode(), body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
        } catch (InterruptedException | IOException away) {
            exchange.sendResponseHeaders(503, -1);
        } finally {
            exchange.close();
        }
    }
}
